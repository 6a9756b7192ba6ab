"""D12: single refits and what pairs of them leave, at the nodes of a tree of hot rows."""
