"""What a user can ask eshi to do."""
