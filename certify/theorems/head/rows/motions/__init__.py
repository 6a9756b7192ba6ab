"""How far labels and deleted rows move weights and outputs, by sums of few vectors and by one box (D31, D24)."""
