"""
Places, leases, blinding and grades; knows no Streamlit and no SQL.

    queue.py     Queue: the next cards for a reviewer, and their events back
    card.py      a pair as a reviewer may see it
    blind.py     sides, and the names that models give themselves
    show.py      text, JSON, tool calls, conversations and differences as inert HTML
    grades_csv.py  verdicts that were made elsewhere
    launch.py    the command that starts the app in review_app/
"""
