"""What every room must know: settings, errors, TensorFlow imported once, atomic files, versions."""
