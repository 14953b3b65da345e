"""From faces and a recipe to a run."""
