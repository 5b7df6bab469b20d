"""The revisions, oldest first; once released, a revision is never changed."""
