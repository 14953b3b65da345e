"""The judge scores what a generator draws; the guard says whether its run is still alive."""
