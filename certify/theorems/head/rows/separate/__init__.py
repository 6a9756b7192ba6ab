"""D34: heads whose outputs are fitted apart, one against the rest: any few rows deleted or relabelled."""
