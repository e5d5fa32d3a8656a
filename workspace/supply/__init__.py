"""Where packages come from: index, proxy, certificates and credentials as the user set them for any tool.

A company's machine is set up for pip, or for uv, or for npm, seldom for all of them. What one of them was
told, the others are told here. The modules import the standard library only: they run before anything is
installed.
"""
