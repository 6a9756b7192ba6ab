"""How far refits lie from today's, derived again."""
