"""Messages to chosen customers, written by a template or by a language model, checked, and put into files.

Read in this order: `recommend` (what is recommended to whom), `brief` (what one message has to say), `template` and
`prompt` with `openai_writer` (who writes it), `guards` (what no message may say), `asking` with `pace` and `budget`
(requests that are paid once), `writing` (all of it together), `export` (the files). Nothing is sent to anyone.
"""
