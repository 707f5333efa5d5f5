"""The Strawberry schema: it unpacks arguments, calls one service method, wraps what comes back."""
