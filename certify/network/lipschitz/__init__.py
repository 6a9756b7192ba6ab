"""How far outputs and slopes can move on balls: LipSDP and norms."""
