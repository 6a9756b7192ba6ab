"""How far refits lie from today's: distance of the weights, change of the outputs, both ends."""
