"""The rules of a spec beside the table of theorems: about numbers, files and keys, by topic."""
