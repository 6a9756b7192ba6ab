"""Rows deleted and others relabelled at once in convex heads: every choice by a sum of smaller refits (D1c, D1f)."""
