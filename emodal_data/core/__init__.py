"""What every room must know: settings, columns, reasons, errors, a span, the worker pool."""
