/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a client of the converter asks for, its message being whole, and what comes of it. Private to the converter;
 * the intake may be gone afterwards. */
#ifndef BRAID_ROLE_CONVERTER_REQUEST_H
#define BRAID_ROLE_CONVERTER_REQUEST_H

struct converter;
struct intake;
struct signalling_request;

/* A session, if it may be: toward a destination, for a claim, or with somebody who is to come. */
void request_session(struct converter *converter, struct intake *intake, const struct signalling_request *request);
/* What we can do. Whoever may use us may stay, quietly. Who may not is told so: its hosts' connections had better go
 * the ordinary way. */
void request_information(struct converter *converter, struct intake *intake, const struct signalling_request *request);

#endif
