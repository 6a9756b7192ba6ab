"""The linear systems of an estimate and how they are solved."""
