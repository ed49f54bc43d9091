"""Chats that are kept, so that they can be continued, searched, linked and exported."""
