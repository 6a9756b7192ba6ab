"""A program of its own that proposes inverses to the checker, which judges them: nothing here is trusted."""
