"""Fitted scikit-learn estimators, from memory: never a pickle."""
