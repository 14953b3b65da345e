"""A trained generator leaves the house: for other programs, and as a page that draws in its visitor's browser."""
