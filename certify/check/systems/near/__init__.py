"""How a solution nearby is found where that takes less work than the general way."""
