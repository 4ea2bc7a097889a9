"""
The three wire protocols as everyone needs them: readers, providers, rules and the review app.

    prompt.py      the text of a request                fields.py       raw JSON into values, or Unreadable
    output.py      the answer in a response body        unreadable.py   why a body brings nothing
    usage.py       its tokens in disjoint classes
"""
