"""
A provider on loopback that speaks the vendors' wire protocols, and demo traffic whose truth only the simulation knows.

    provider    Provider, running, serve: the server and its settings
    answers     Script, Scripted: a data set of answers, and what a question is
    faults      what goes wrong, and when
    ledger      the truth about what was asked and billed
    traffic     Traffic: two weeks of production calls, each tier's answers, and the truth about them
    reviewers   Reviewer: grades a pair from the truth, with a small error rate
"""
