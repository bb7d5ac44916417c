"""stackbuild: a tree of container images, rebuilt on another root, and only where it has to be."""
