"""The local web app: faces chosen by eye, runs watched, faces drawn. Plain HTTP, plain files, nothing to install."""
