"""`migrate --verify`: old definitions and their rewrites are run on inputs and compared.

`_check` plans it; everything else here runs in processes of its own. What an old interpreter takes
part in (`worker`, `calls`, `inputs`, `search`, `guard`, `oracle`) keeps to Python 3.7, and is then
imported as the package `verify`, without `portable_losses`.
"""
