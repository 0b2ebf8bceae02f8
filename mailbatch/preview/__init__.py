"""The gallery: a mailing as static pages, looked at in a browser before it is sent."""
