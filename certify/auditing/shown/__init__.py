"""How an audit is shown: its page, its picture, and its progress."""
