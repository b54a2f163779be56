# SPDX-License-Identifier: Apache-2.0
"""Whether what the documents say of files is true: docs.py ROOT

Each block of C must stand word for word in a source file that is linked before it: in its section, or before the first
section of the document. Each link must lead to a file.
"""
import pathlib
import re
import sys

problems = []


def check_links(document, text):
    for target in re.findall(r'\]\(([^)#]+)\)', text):
        if '://' not in target and not (document.parent / target).exists():
            problems.append(f'{document}: the link {target} leads nowhere')


def check_blocks(document, text):
    blocks = 0
    for block in re.finditer(r'^```c\n(.*?)^```$', text, re.M | re.S):
        blocks += 1
        before = text[:text.find('\n## ')] + text[text.rfind('\n## ', 0, block.start()):block.start()]
        sources = [document.parent / link for link in re.findall(r'\]\(([^)]+\.c)\)', before)]
        if not any(block.group(1) in source.read_text() for source in sources if source.exists()):
            line = text.count('\n', 0, block.start()) + 1
            problems.append(f'{document}:{line}: not the words of any of {[str(source) for source in sources]}')
    return blocks


root = pathlib.Path(sys.argv[1])
documents = [root / 'README.md', *sorted((root / 'docs').glob('*.md'))]
blocks = 0
for document in documents:
    text = document.read_text()
    check_links(document, text)
    blocks += check_blocks(document, text)
print('\n'.join(problems) or f'{len(documents)} documents, {blocks} blocks of C')
sys.exit(bool(problems) or blocks == 0)
