/// Reads a family's turns from the expressions of a template.
struct TurnFormatReader {
    let source: String
    let family: ChatTemplate.Family
    private let expressions: [TemplateExpression]

    init(source: String, family: ChatTemplate.Family) {
        self.source = source
        self.family = family
        expressions = TemplateExpression.all(in: source)
    }

    // MARK: - Turns with the role in a tag

    /// `<|im_start|>role` line break, content, `<|im_end|>` line break. The system message may have a default.
    func chatML() throws(ChatTemplateError) -> TurnFormat {
        try refuse(
            "<|im_sep|>", "<end_of_utterance>", reason: "is a variant of it with other markers")
        try refuse("strftime_now", reason: "writes today's date")
        let turn = try turn {
            $0.parts.contains(.role) && $0.hasContent && $0.mentions("<|im_start|>")
        }
        guard case .literal(let closing)? = turn.last, closing.contains("<|im_end|>") else {
            throw unsupported("does not close its turns in one expression")
        }
        var format = TurnFormat(system: turn, user: turn, assistant: turn)
        if source.contains("</think>") {
            format.assistant = nil
            format.refusal =
                "rewrites the assistant's messages (reasoning), which rtedit does not render"
        }
        format.beginning = beginning
        format.defaultSystem = defaultSystemTurn(
            opening: "<|im_start|>system\n", closing: "<|im_end|>")
        format.generationPrompt = generationPrompt("<|im_start|>assistant")
        return format
    }

    /// `<|start_header_id|>role<|end_header_id|>`, two line breaks, content, `<|eot_id|>`. From 3.1 on the system
    /// turn is always there and begins with dates; where the template would ask for today's date, its own fixed one
    /// is written, so that the same command gives the same prompt tomorrow.
    func llama3() throws(ChatTemplateError) -> TurnFormat {
        let turn = try turn {
            $0.parts.contains(.role) && $0.hasContent && $0.mentions("<|start_header_id|>")
        }
        var format = TurnFormat(system: turn, user: turn, assistant: turn)
        format.beginning = beginning
        format.generationPrompt = generationPrompt("<|start_header_id|>assistant<|end_header_id|>")
        format.alwaysPrompts = !source.contains("add_generation_prompt")
        if let knowledge = expressions.compactMap(\.literal).first(where: {
            $0.hasPrefix("Cutting Knowledge Date")
        }) {
            guard
                let date = expressions.first(where: {
                    $0.variable == "date_string" && $0.literal != nil
                })
            else { throw unsupported("writes a date that it does not give") }
            format.system = [
                .literal(
                    "<|start_header_id|>system<|end_header_id|>\n\n\(knowledge)Today Date: "
                        + "\(date.literal ?? "")\n\n"),
                .content(trimmed: true), .literal("<|eot_id|>"),
            ]
            format.defaultSystem = ""
        } else {
            try refuse("strftime_now", reason: "writes today's date")
        }
        return format
    }

    /// `<start_of_turn>role` line break, trimmed content, `<end_of_turn>` line break; the assistant is `model`.
    /// Gemma 3 puts the system message before the first user message, earlier ones refuse it.
    func gemma() throws(ChatTemplateError) -> TurnFormat {
        try refuse("<|turn>", reason: "is a variant of it with other markers")
        let opening = TemplatePart.literal("<start_of_turn>")
        let turn: [TemplatePart] = [
            opening, .role, .literal("\n"), .content(trimmed: true), .literal("<end_of_turn>\n"),
        ]
        guard
            expressions.contains(where: {
                $0.mentions("<start_of_turn>") && $0.parts.contains(.role)
            }),
            expressions.contains(where: { $0.mentions("<end_of_turn>\n") })
        else { throw unsupported("does not write its turns as the published ones do") }
        var format = TurnFormat(user: turn, assistant: turn)
        if expressions.contains(where: { $0.variable == "first_user_prefix" && $0.hasContent }) {
            format.userWithSystem = [
                opening, .role, .literal("\n"), .system(trimmed: false), .literal("\n\n"),
                .content(trimmed: true), .literal("<end_of_turn>\n"),
            ]
        }
        format.beginning = beginning
        format.alternates = source.contains("raise_exception")
        format.assistantRole = "model"
        format.generationPrompt = generationPrompt("<start_of_turn>model")
        return format
    }

    /// `<|role|>` line break, content, `<|end|>` line break; the first ones write the assistant's tag with the
    /// user's turn.
    func phi3() throws(ChatTemplateError) -> TurnFormat {
        let generic = expressions.first {
            $0.variable == nil && $0.parts.contains(.role) && $0.hasContent
                && $0.mentions("<|end|>")
        }
        var format: TurnFormat
        if let generic, generic.isUnderstood {
            format = TurnFormat(
                system: generic.parts, user: generic.parts, assistant: generic.parts)
        } else {
            let user = try turn { $0.hasContent && $0.mentions("<|user|>") }
            let assistant = try turn {
                $0.hasContent && $0.mentions("<|end|>") && !$0.mentions("<|user|>")
                    && !$0.mentions("<|system|>")
            }
            let system = expressions.first { $0.hasContent && $0.mentions("<|system|>") }
            format = TurnFormat(system: system?.parts, user: user, assistant: assistant)
        }
        format.beginning = beginning
        format.generationPrompt = generationPrompt("<|assistant|>")
        format.promptsOnlyAfterOthers = source.contains("messages[-1]['role'] != 'assistant'")
        format.ending = expressions.contains { $0.parts == [.endOfText] } ? [.endOfText] : []
        return format
    }

    /// `<|role|>` line break, content, end of text, and the line break that the template's layout leaves.
    func zephyr() throws(ChatTemplateError) -> TurnFormat {
        let user = try turn { $0.hasContent && $0.mentions("<|user|>") }
        let assistant = try turn { $0.hasContent && $0.mentions("<|assistant|>") }
        let system = expressions.first { $0.hasContent && $0.mentions("<|system|>") }
        var format = TurnFormat(system: system?.parts, user: user, assistant: assistant)
        format.beginning = beginning
        format.generationPrompt = generationPrompt("<|assistant|>")
        return format
    }

    // MARK: - Turns in brackets

    /// `[INST] content [/INST]`, the system message between `<<SYS>>` marks before the first user message.
    func llama2() throws(ChatTemplateError) -> TurnFormat {
        var format = try bracketed()
        let marked = expressions.first { $0.hasSystem && $0.hasContent && $0.mentions("<<SYS>>") }
        guard let marked, marked.isUnderstood else {
            throw unsupported("does not join the system message to the first user message")
        }
        // The joined text takes the place of the content, and is trimmed as that would be.
        format.userWithSystem = format.user.map { part in
            if case .content(let trimmed) = part {
                .joined(marked.parts, trimmed: trimmed)
            } else {
                part
            }
        }
        let never = source.contains("false == true")
        format.defaultSystem =
            never
            ? nil
            : expressions.first { $0.variable == "system_message" && $0.literal != nil }?.literal
        return format
    }

    /// `[INST] content [/INST]` with or without the spaces, which differ from version to version.
    func mistral() throws(ChatTemplateError) -> TurnFormat {
        try refuse(
            "strftime_now", "default_system_message",
            reason: "has a default system message with dates")
        var format = try bracketed()
        format.system = expressions.first { $0.hasContent && $0.mentions("[SYSTEM_PROMPT]") }?.parts
        let joined = expressions.first {
            $0.variable == nil && $0.hasSystem && $0.hasContent && $0.mentions("[INST]")
        }
        format.userWithSystem = format.system == nil ? joined?.parts : nil
        format.putsSystemLast = source.contains("loop.last and system_message")
        return format
    }

    private func bracketed() throws(ChatTemplateError) -> TurnFormat {
        let user = try turn { $0.hasContent && !$0.hasSystem && $0.mentions("[INST]") }
        let assistant = try turn {
            $0.hasContent && $0.parts.contains(.endOfText) && !$0.mentions("[INST]")
        }
        guard
            user.contains(where: {
                if case .literal(let text) = $0 { text.contains("[/INST]") } else { false }
            })
        else { throw unsupported("does not close the user's turns in one expression") }
        var format = TurnFormat(user: user, assistant: assistant)
        format.beginning = beginning
        format.alternates = source.contains("must alternate")
        return format
    }

    // MARK: - Parts

    /// The first written-out or assigned expression that fits; all its parts must be understood.
    private func turn(_ fits: (TemplateExpression) -> Bool) throws(ChatTemplateError)
        -> [TemplatePart]
    {
        guard let found = expressions.first(where: { $0.isUnderstood && fits($0) }) else {
            throw unsupported("does not write its turns as the published ones do")
        }
        return found.parts
    }

    /// The beginning of text, where the template writes it by itself or before the first turn.
    private var beginning: [TemplatePart] {
        let writes = expressions.contains {
            $0.parts == [.beginningOfText]
                || $0.parts == [.beginningOfText, .content(trimmed: false)]
        }
        return writes ? [.beginningOfText] : []
    }

    /// A literal that is a whole system turn.
    private func defaultSystemTurn(opening: String, closing: String) -> String? {
        for literal in expressions.compactMap(\.literal) where literal.hasPrefix(opening) {
            let rest = literal.dropFirst(opening.count)
            if let end = rest.firstRange(of: closing) { return String(rest[..<end.lowerBound]) }
        }
        return nil
    }

    /// The last literal that begins the assistant's turn without ending it.
    private func generationPrompt(_ opening: String) -> String {
        expressions.filter { $0.variable == nil }.compactMap(\.literal).last {
            $0.hasPrefix(opening)
        } ?? ""
    }

    private func refuse(_ markers: String..., reason: String) throws(ChatTemplateError) {
        if markers.contains(where: { source.contains($0) }) { throw unsupported(reason) }
    }

    private func unsupported(_ reason: String) -> ChatTemplateError {
        .unsupported(family: family, reason: reason)
    }
}
