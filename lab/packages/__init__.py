"""Packages that hosts had before ours: the vendor's bundles, and the beta of this product.

Both are called ``open-xchange-usm``, as ours is. They are built for tests and for the lab, within a second and without
any network; the same version makes the same bytes.
"""
