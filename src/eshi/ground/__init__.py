"""What every room stands on: errors, progress, figures, files, registries, pixels. Knows nothing of eshi above it."""
