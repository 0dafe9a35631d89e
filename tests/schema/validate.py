#!/usr/bin/env python3
"""Holds recording metadata (RFC 7865) against recording-1.xsd.

    validate.py FILE...              a verdict for each document, and what is wrong with it
    validate.py --like XSD FILE...   the same, and whether the schema XSD says the same

A file that ends in .xml is a document; any other is a message with a document in it. The exit
status is 0 if all documents are valid (with --like: if both schemas agree on all), 1 if not, and 2
if nothing could be checked.
"""

import argparse
import pathlib
import re
import sys
from xml.etree import ElementTree

try:
    import xmlschema
except ImportError:
    print("validate.py needs the Python package xmlschema: pip install xmlschema", file=sys.stderr)
    sys.exit(2)

SCHEMA = pathlib.Path(__file__).resolve().parent / "recording-1.xsd"
NAMESPACE = re.compile(r"\{urn:ietf:params:xml:ns:recording:1\}")
DOCUMENT = re.compile(rb"<\?xml.*</(?:\w+:)?(?:recording|requestsnapshot)\s*>", re.DOTALL)


def findings(schema, document):
    """What is wrong with a document, in the schema's words."""
    try:
        root = ElementTree.fromstring(document)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        return [f"not well-formed: {error}"]
    return [
        f"{NAMESPACE.sub('', error.path)}: {NAMESPACE.sub('', error.reason)}"
        for error in schema.iter_errors(root)
    ]


def document_of(file):
    """The XML in a file: all of it, or what stands between its declaration and its last end tag."""
    data = file.read_bytes()
    found = None if file.suffix == ".xml" else DOCUMENT.search(data)
    return found.group(0) if found else data


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--like", metavar="XSD", help="a schema that should say the same")
    parser.add_argument("files", metavar="FILE", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    schema = xmlschema.XMLSchema(SCHEMA)
    other = xmlschema.XMLSchema(arguments.like) if arguments.like else None
    good = True
    for file in arguments.files:
        document = document_of(file)
        faults = findings(schema, document)
        print(f"{file}: {'invalid' if faults else 'valid'}")
        for fault in faults:
            print(f"    {fault}")
        if other is None:
            good &= not faults
        elif bool(faults) != bool(findings(other, document)):
            print(f"    {arguments.like} says otherwise")
            good = False
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
