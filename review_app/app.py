"""
Starts the review app: Streamlit on loopback, with a content-security policy before every answer.

`evalharness review` runs it as `python app.py --config evalharness.toml --port 8501`; `streamlit run app.py` finds `app` too, once
EVALHARNESS_REVIEW_CONFIG names the configuration, but then its options must be given by hand.
"""

import argparse
import os
from pathlib import Path

import streamlit as st
from csp import ContentSecurityPolicy
from starlette.middleware import Middleware

_OPTIONS = {
    "server.address": "127.0.0.1",
    "server.allowedHosts": ["127.0.0.1", "localhost"],
    "server.headless": True,
    "server.showEmailPrompt": False,
    "server.fileWatcherType": "none",
    "server.enableStaticServing": False,
    "server.maxUploadSize": 1,
    "server.maxMessageSize": 50,
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",  # a traceback may hold captured text
    "client.showErrorLinks": False,
    "client.toolbarMode": "minimal",
    "runner.magicEnabled": False,
    "runner.postScriptGC": False,  # a full collection after every stroke costs 100 ms of CPU
    "theme.light.primaryColor": "#3457d5",
    "theme.light.backgroundColor": "#fcfcfb",
    "theme.light.secondaryBackgroundColor": "#f1f1ef",
    "theme.light.textColor": "#1b1c1f",
    "theme.light.borderColor": "#dcdcd8",
    "theme.dark.primaryColor": "#8194f0",
    "theme.dark.backgroundColor": "#121315",
    "theme.dark.secondaryBackgroundColor": "#1c1d20",
    "theme.dark.textColor": "#ececea",
    "theme.dark.borderColor": "#33353a",
}

app = st.App(Path(__file__).with_name("main.py"), middleware=[Middleware(ContentSecurityPolicy)])


def main() -> None:
    """Read the arguments and serve until interrupted."""
    parser = argparse.ArgumentParser(description="The review app of evalharness.")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument("--reviewer", default="")
    parser.add_argument("--open-browser", action="store_true")
    given = parser.parse_args()
    # The script runs in this process, in threads of Streamlit's; the environment is the way in that `streamlit run` has too.
    os.environ["EVALHARNESS_REVIEW_CONFIG"] = str(given.config)
    os.environ["EVALHARNESS_REVIEW_REVIEWER"] = given.reviewer
    app.run(config={**_OPTIONS, "server.port": given.port, "server.headless": not given.open_browser})


if __name__ == "__main__":
    main()
