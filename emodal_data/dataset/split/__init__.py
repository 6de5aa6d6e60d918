"""Train, validation and test without leaks: the assignment, folds, leakage check and leakage audit."""
