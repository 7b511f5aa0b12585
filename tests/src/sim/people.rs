//! What the people at the hosts do and see, and what any machine may say to a host.

use bytes::Bytes;
use parlor_node::{
    Command, CommandResult, Event, Member, Message, MessageBody, Reply,
    engine::{CallId, Input, Output},
    net::{GossipId, InboundId, NetCommand, NetEvent},
};
use parlor_protocol::{
    DeviceId, HistoryPolicy, Name, RoomCode, RoomId, Text, TopicId,
    wire::{Answer, Request},
};

use super::{host::HostId, network::Network};

impl Network {
    /// Lets a host hear a gossip message from a peer, as if any machine had said it, and returns what
    /// it does, done already.
    pub fn whisper(&mut self, host: HostId, from: DeviceId, topic: TopicId, bytes: Bytes) -> Vec<NetCommand> {
        self.counter += 1;
        let event = NetEvent::Gossip { message: GossipId(self.counter), from, topic, bytes };
        let clock = self.clock;
        let outputs = self.hosts[host].input(clock, Input::Net(event));
        let net = |output: &Output| match output {
            Output::Net(command) => Some(command.clone()),
            _ => None,
        };
        let commands = outputs.iter().filter_map(net).collect();
        self.carry_out(host, outputs);
        commands
    }

    /// Asks a host something as any machine may, and returns its answer if it has one at once.
    pub fn ask_as(&mut self, from: DeviceId, host: HostId, request: &Request) -> Option<Answer> {
        self.ask_raw_as(from, host, request.encode().expect("a request that can be written"))
    }

    /// The same with bytes that need not be a request.
    pub fn ask_raw_as(&mut self, from: DeviceId, host: HostId, bytes: Vec<u8>) -> Option<Answer> {
        self.counter += 1;
        let bytes = Bytes::from(bytes);
        let event = NetEvent::Asked { id: InboundId(self.counter), from, bytes };
        let clock = self.clock;
        let outputs = self.hosts[host].input(clock, Input::Net(event));
        let answer = outputs.iter().find_map(|output| match output {
            Output::Net(NetCommand::Answer { bytes, .. }) => Answer::decode(bytes).ok(),
            _ => None,
        });
        self.carry_out(host, outputs);
        answer
    }

    /// Gives a command without waiting; its number finds the answer in [`Network::answer`].
    pub fn submit(&mut self, host: HostId, command: Command) -> u64 {
        self.hosts[host].next_call += 1;
        let number = self.hosts[host].next_call;
        let clock = self.clock;
        let outputs = self.hosts[host].input(clock, Input::Command { call: CallId(number), command });
        self.carry_out(host, outputs);
        number
    }

    /// Gives commands that came together, as somebody does who pastes many texts: the engine takes
    /// them as one turn. Their numbers find the answers.
    pub fn submit_all(&mut self, host: HostId, commands: Vec<Command>) -> Vec<u64> {
        let first = self.hosts[host].next_call + 1;
        let numbers: Vec<u64> = (first..).take(commands.len()).collect();
        self.hosts[host].next_call += commands.len() as u64;
        let input = |(number, command): (&u64, Command)| Input::Command { call: CallId(*number), command };
        let inputs = numbers.iter().zip(commands).map(input).collect();
        let clock = self.clock;
        let outputs = self.hosts[host].inputs(clock, inputs);
        self.carry_out(host, outputs);
        numbers
    }

    /// The answer to a command, once it is there.
    pub fn answer(&mut self, host: HostId, number: u64) -> Option<CommandResult> {
        self.hosts[host].replies.remove(&number)
    }

    /// Gives a command and lets time pass until it is answered.
    ///
    /// # Errors
    /// The command's error.
    pub fn call(&mut self, host: HostId, command: Command) -> CommandResult {
        let number = self.submit(host, command);
        let mut result = None;
        self.run_until(|network| {
            result = network.answer(host, number);
            result.is_some()
        });
        result.expect("a command is answered within ten minutes")
    }

    /// Makes a room; returns it and its code.
    pub fn create(&mut self, host: HostId, name: &str) -> (RoomId, RoomCode) {
        let command =
            Command::CreateRoom { name: Name::new(name).expect("a good name"), history: HistoryPolicy::Everything };
        match self.call(host, command) {
            Ok(Reply::Created { room, code }) => (room, code),
            other => panic!("a room is made, not {other:?}"),
        }
    }

    /// Joins a room.
    ///
    /// # Errors
    /// The command's error.
    pub fn join(&mut self, host: HostId, code: &RoomCode) -> CommandResult {
        self.call(host, Command::Join(code.clone()))
    }

    /// Sends a text without waiting for anything.
    pub fn send(&mut self, host: HostId, room: RoomId, text: &str) {
        let text = Text::new(text).expect("a good text");
        self.submit(host, Command::Send { room, text, reply_to: None });
    }

    /// Messages of a room as a host's person sees them.
    pub fn messages(&mut self, host: HostId, room: RoomId) -> Vec<Message> {
        let clock = self.clock;
        self.hosts[host].messages(clock, room)
    }

    /// Texts of a room as a host's person sees them, in screen order.
    pub fn texts(&mut self, host: HostId, room: RoomId) -> Vec<String> {
        let messages = self.messages(host, room).into_iter();
        messages
            .filter_map(|message| match message.body {
                MessageBody::Text { text } => Some(text),
                _ => None,
            })
            .collect()
    }

    /// How many members of a room a host knows by more than their ids, guests that are gone aside.
    pub fn member_count(&mut self, host: HostId, room: RoomId) -> usize {
        let clock = self.clock;
        match self.hosts[host].query(clock, Command::Members { room }) {
            Some(Ok(Reply::Members(members))) => {
                let is_gone = |member: &Member| member.visit.is_some_and(|visit| visit.over);
                let is_known = |member: &&Member| member.name != member.device.short() && !is_gone(member);
                members.iter().filter(is_known).count()
            }
            _ => 0,
        }
    }

    /// Problems that a host's person was told of.
    #[must_use]
    pub fn problems(&self, host: HostId) -> Vec<String> {
        let problem = |event: &Event| match event {
            Event::ProblemRaised(problem) => Some(problem.what.clone()),
            _ => None,
        };
        self.hosts[host].events.iter().filter_map(problem).collect()
    }
}
