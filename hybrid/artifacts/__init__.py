"""What is made of an estate and of this repository for a deployment: pipelines, plugins, the image."""
