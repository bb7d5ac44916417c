"""Jupyter Server in a container: reachable from outside it, and with no browser to open."""

import os

c = get_config()  # noqa: F821  (jupyter defines it)
c.ServerApp.ip = "0.0.0.0"
c.ServerApp.open_browser = False
c.ServerApp.root_dir = os.environ["HOME"]
# Files that are deleted in the browser are gone: a trash folder in a container only fills it.
c.FileContentsManager.delete_to_trash = False
