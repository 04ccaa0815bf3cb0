"""Which packages there are: those below asyncmigrate, and the sample beside it.

`asyncmigrate demo` applies the sample, so that it belongs into the wheel.
"""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["asyncmigrate*"]),
        "asyncmigrate._sample",
        "asyncmigrate._sample.repeatable",
    ],
    package_dir={"asyncmigrate._sample": "migrations"},
)
