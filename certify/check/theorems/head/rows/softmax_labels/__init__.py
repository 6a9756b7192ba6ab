"""D18 for changed labels: one wrong label of a softmax head, every choice by itself, derived again."""

from certify.check.theorems.head.rows.softmax_labels.method import proved

__all__ = ["proved"]
