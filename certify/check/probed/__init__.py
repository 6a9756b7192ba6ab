"""Critical points of many parameters: a proposal that is judged by random probes and one pass, nothing formed (W5)."""
