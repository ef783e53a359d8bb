"""From a data sheet to rows and bookmarks: what is asked next, what came, what may be said about it. No Singer SDK."""
