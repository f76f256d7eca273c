# SPDX-License-Identifier: Apache-2.0
"""Processes of Cinder and Nova that die at any request, and what must hold.

A library in layers; each knows only those above it:

=============== ===========================================================
``server``      forks a process of Cinder or Nova from a parent that has
                imported everything; ``kill`` and ``sabotage`` act in there,
                ``cinder_side`` and ``nova_side`` are what it does
``processes``   the same from outside: start, ask, wait for the end
``truth``       what is really so on the zHCP, in the guests, on the disks
``cloud``       one simulator with one Cinder and one Nova: what users do,
                and killing and starting anew
``invariants``  what must hold, as functions from a cloud to violations
``operations``  what is killed: one line each
``crashpoints`` every operation, request and moment, in parallel
=============== ===========================================================
"""
