"""A trained generator leaves the house, and others' come in. A target is a file with a function `write`."""
