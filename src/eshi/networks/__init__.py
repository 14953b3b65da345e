"""Generators and discriminators: one file per architecture, none of which imports another."""
