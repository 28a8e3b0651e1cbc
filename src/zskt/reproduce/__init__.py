"""The tables and figures of the paper, one file each.

protocol.py      what is run on each data set: pairs, lengths, few images
wanted.py        one run that an experiment wants
lab.py           makes wanted runs that do not exist yet, and reads those that do
published.py     the paper's numbers
cost.py          how long an experiment takes, from measured rates

Every other file is an experiment: `wanted(protocol, seeds)` says which runs it needs, and
`report(lab, seeds)` makes rows and pictures of them.
"""
