"""A trained generator leaves the house, for other programs and as a page that draws; others' come in.

A target is a file with a function `write`.
"""
