"""Forgeries: certificates with a true digest that say what does not follow, and files with a second reading.

``python -m tests.forgeries FOLDER`` writes every one of them, for other checkers.
"""
